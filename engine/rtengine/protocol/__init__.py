"""The wire: models of every event, session, item, response and error of the API. No behaviour, no I/O."""

"""The actions that machine files may `call`. Each does one thing to the session's data; none decides what is next."""

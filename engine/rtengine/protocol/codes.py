"""The errors that are found outside of the machines, with the API's own words. A machine's are rows of its file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One error: its message is a ``str.format`` template."""

    code: str | None
    message: str
    param: str | None = None
    """The param it always has; None when it depends, or when the API gives none."""
    type: str = "invalid_request_error"
    status: int = 400
    """HTTP status, where it answers an HTTP request."""
    close_code: int | None = None
    """The connection is closed with this right after the error."""


CODES: dict[str, ErrorCode] = {
    # frames and events
    "invalid_json": ErrorCode("invalid_json", "Invalid event: failed to parse JSON value. "),
    "missing_type": ErrorCode("invalid_event", "The 'type' field is missing."),
    "invalid_event": ErrorCode("invalid_event", "Invalid event: expected a JSON object, but got {got} instead."),
    "binary_frame": ErrorCode("invalid_event", "Expected a text WebSocket message; binary frames are not supported."),
    "too_many_mistakes": ErrorCode("invalid_value", "Invalid event: {count} parameters are invalid."),
    # values
    "missing_required_parameter": ErrorCode("missing_required_parameter", "Missing required parameter: '{param}'."),
    "unknown_parameter": ErrorCode("unknown_parameter", "Unknown parameter: '{param}'."),
    "invalid_type": ErrorCode(
        "invalid_type", "Invalid type for '{param}': expected {expected}, but got {got} instead."
    ),
    "invalid_value": ErrorCode("invalid_value", "Invalid value: {value}. Supported values are: {supported}."),
    "invalid_pattern": ErrorCode(
        "invalid_value",
        "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '{pattern}'.",
    ),
    "invalid_image": ErrorCode(
        "invalid_value",
        "Invalid '{param}'. Expected a base64-encoded data URL of a PNG or JPEG image "
        "(e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU=').",
    ),
    "invalid_audio": ErrorCode(
        "invalid_value",
        "Invalid '{param}'. Expected base64-encoded audio bytes ({encoding}) but got {got}.",
    ),
    "audio_too_long": ErrorCode(
        "invalid_value", "Invalid '{param}'. Expected at most {limit_mib} MiB of audio, but got {got_mib:.1f} MiB."
    ),
    "integer_below_min_value": ErrorCode(
        "integer_below_min_value",
        "Invalid '{param}': integer below minimum value. Expected a value >= {limit}, but got {value} instead.",
    ),
    "integer_above_max_value": ErrorCode(
        "integer_above_max_value",
        "Invalid '{param}': integer above maximum value. Expected a value <= {limit}, but got {value} instead.",
    ),
    "decimal_below_min_value": ErrorCode(
        "decimal_below_min_value",
        "Invalid '{param}': decimal below minimum value. Expected a value >= {limit}, but got {value} instead.",
    ),
    "decimal_above_max_value": ErrorCode(
        "decimal_above_max_value",
        "Invalid '{param}': decimal above maximum value. Expected a value <= {limit}, but got {value} instead.",
    ),
    "string_above_max_length": ErrorCode(
        "string_above_max_length",
        "Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
        "but got a string with length {length} instead.",
    ),
    "empty_string": ErrorCode(
        "empty_string",
        "Invalid '{param}': empty string. Expected a string with minimum length {limit}, "
        "but got an empty string instead.",
    ),
    "empty_array": ErrorCode(
        "empty_array",
        "Invalid '{param}': empty array. Expected an array with minimum length {limit}, "
        "but got an empty array instead.",
    ),
    "array_above_max_length": ErrorCode(
        "array_above_max_length",
        "Invalid '{param}': array too long. Expected an array with maximum length {limit}, "
        "but got an array with length {length} instead.",
    ),
    "object_above_max_properties": ErrorCode(
        "object_above_max_properties",
        "Invalid '{param}': too many properties. Expected an object with at most {limit} properties, "
        "but got an object with {length} properties instead.",
    ),
    # the session
    "invalid_parameter": ErrorCode(
        "invalid_parameter", "Passing a {given} session update event to a {actual} session is not allowed."
    ),
    "fixed_parameter": ErrorCode("invalid_value", "Cannot update '{param}': it is fixed when the session is created."),
    # the connection
    "invalid_api_key": ErrorCode("invalid_api_key", "Incorrect API key provided: {key}.", status=401, close_code=3000),
    "missing_api_key": ErrorCode(
        "invalid_api_key",
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
        status=401,
        close_code=3000,
    ),
    "too_many_sessions": ErrorCode(
        "rate_limit_exceeded",
        "Rate limit reached on sessions: limit {limit}. Please try again when one has ended.",
        type="rate_limit_error",
        status=429,
        close_code=1013,
    ),
    "too_many_secrets": ErrorCode(
        "rate_limit_exceeded",
        "Rate limit reached on client secrets: limit {limit}. Please try again when one has expired.",
        type="rate_limit_error",
        status=429,
    ),
    "missing_model": ErrorCode(
        "missing_model",
        "You must provide a model parameter, for example {example}",
        close_code=4000,
    ),
    "invalid_model": ErrorCode("invalid_model", 'Model "{model}" is not supported in realtime mode.', close_code=4000),
    "server_error": ErrorCode(
        None,
        "The server had an error while processing your request. Sorry about that!",
        type="server_error",
        status=500,
    ),
}
"""By name. The name is the code, but where one code has several messages."""

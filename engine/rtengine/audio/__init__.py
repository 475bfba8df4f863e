"""Sound: formats, resampling, voice activity and the input buffer. Time is an argument, in milliseconds of audio."""

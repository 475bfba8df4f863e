"""Models behind four ports: transcriber, chat, voice and voice activity; and the jobs they run."""

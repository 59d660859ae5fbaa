"""Settings: what they are, where they come from, and how they become one frozen `RunConfig`.

Import from the modules: this one stays empty, so that a command that only lists presets loads no pydantic.
"""

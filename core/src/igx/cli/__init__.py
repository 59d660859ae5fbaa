"""The `igx` program, one file a command; `app` finds them through the plugins, only `render` lays out text."""

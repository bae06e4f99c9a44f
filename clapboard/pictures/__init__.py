"""The frame store: decoded frames as files, believed only when proved."""

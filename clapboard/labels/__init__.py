"""From annotations to one label a frame, and which frames are taken."""

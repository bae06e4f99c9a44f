"""Where the clap is in each recording, and how its clock drifts."""

"""Who was filmed by which camera in which files: the table of recordings."""

"""What a run will make and cost, before it is made."""

"""What stands around the steps of a training, one callback to a file."""

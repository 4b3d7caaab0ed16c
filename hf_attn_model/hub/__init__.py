"""Sharing on the Hugging Face Hub: a checkpoint -> what goes up -> one commit."""

"""Training: a recipe -> Trainer -> checkpoint, scores and model card."""

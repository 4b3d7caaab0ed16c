"""Is it true? What attention is worth to a model (`ablate`), and what training makes of it (`measure`)."""

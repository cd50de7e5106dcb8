"""Published figures of adversarial models, one script each."""

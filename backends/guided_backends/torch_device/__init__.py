"""What the backends that run on torch share: choosing tokens on the model's own device."""

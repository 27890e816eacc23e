"""Engine: events to gates. Pure."""

"""HTTP: one way in for machines, asked and answered in JSON; errors are problem+json."""

"""What we ask of the world: nouns and Protocols; adapters answer them."""

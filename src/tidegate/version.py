"""Version: the release of this package; every log row carries it."""

VERSION = "0.1.0"

"""Commands. stdout is data, stderr is talk; exit codes carry the answer."""

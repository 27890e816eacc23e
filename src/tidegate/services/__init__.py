"""The imperative shell: owns time, transactions and concurrency; everything outside is a port."""

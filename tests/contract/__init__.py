"""What irkit relies on in the Kubernetes API, one thing a test, asked of the lab and of a real cluster."""

"""Actions of the Kubernetes plane."""

"""Actions that only gather and keep evidence."""

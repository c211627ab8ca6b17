"""The programs that developers run through the Makefile. Nothing here is imported by irkit."""

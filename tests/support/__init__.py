"""What several test folders share: builders of records, findings and worlds. No mocks of irkit's own parts."""

"""Every place at which irkit can die, and what must hold afterwards."""

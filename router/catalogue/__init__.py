"""The service catalogue: teams, services, calendars, and who is on call."""

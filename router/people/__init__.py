"""People: accounts, the chat users that are linked to them, and the codes that link them."""

"""What Discord allows, each number beside the page that says so."""

from __future__ import annotations

from typing import Final

from adapters.contract import Limits, Window

# https://discord.com/developers/docs/resources/message#create-message
# Discord counts code points, as Python does: https://github.com/discord/discord-api-docs/issues/1315
MAX_CONTENT: Final = 2000
MAX_NONCE: Final = 25

# https://discord.com/developers/docs/resources/message#embed-object-embed-limits
MAX_DESCRIPTION: Final = 4096
MAX_FIELDS: Final = 25
MAX_PICTURE_URL: Final = 2048
"""Not documented; what Discord answers to a longer one."""
MAX_FIELD_NAME: Final = 256
MAX_FIELD_VALUE: Final = 1024
MAX_EMBEDS_TOTAL: Final = 6000
"""Characters in all titles, descriptions, fields and footers of a message together."""

# https://discord.com/developers/docs/components/reference#action-row and #button
MAX_ROWS: Final = 5
MAX_BUTTONS_IN_ROW: Final = 5
MAX_LABEL: Final = 80
MAX_CUSTOM_ID: Final = 100
MAX_BUTTON_URL: Final = 512

# https://docs.discord.com/developers/components/reference#string-select and #user-select
MAX_OPTIONS: Final = 25
MAX_OPTION_TEXT: Final = 100
"""Of an option's label, and of its value."""
MAX_PLACEHOLDER: Final = 150

# https://docs.discord.com/developers/components/reference#label and #text-input, and
# https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-response-object-modal
MAX_FORM_TITLE: Final = 45
MAX_FIELDS_IN_FORM: Final = 5
MAX_FIELD_LABEL: Final = 45
MAX_FIELD_HINT: Final = 100
MAX_TEXT_INPUT: Final = 4000

# https://docs.discord.com/developers/interactions/application-commands#application-command-object
MAX_COMMAND_OPTIONS: Final = 25
"""Subcommands of a command, options of a subcommand, choices of an option."""
MAX_COMMAND_NAME: Final = 32
MAX_COMMAND_DESCRIPTION: Final = 100
# https://docs.discord.com/developers/interactions/application-commands#slash-commands
MAX_COMMAND_TEXT: Final = 8000
"""Names, descriptions and values of a command with all that is in it."""

# https://discord.com/developers/docs/resources/message#allowed-mentions-object allows 100 people; this many
# mentions of 24 characters leave the headline and the incident their room in the content.
MAX_MENTIONS: Final = 50

# https://docs.discord.com/developers/resources/guild#create-guild-channel
MAX_CHANNEL_NAME: Final = 100
MAX_TOPIC: Final = 1024

# https://discord.com/developers/docs/resources/message#get-channel-messages
MAX_MESSAGES_PER_PAGE: Final = 100
# https://discord.com/developers/docs/resources/guild#search-guild-members
MAX_MEMBERS_PER_SEARCH: Final = 1000

# https://discord.com/developers/docs/reference#snowflakes
EPOCH_MS: Final = 1_420_070_400_000

NONCE_WINDOW_SECONDS: Final = 120.0
"""How long a repeated nonce is surely dropped.

Documented is only "the past few minutes" (create-message, `enforce_nonce`); two is the least that may
mean. Retries after that look back in the channel instead.
"""

LEASE_SECONDS: Final = 60.0

# The global limit is documented: https://discord.com/developers/docs/topics/rate-limits#global-rate-limit
# The channel's is not ("should not be hard-coded"); 5 in 5 s is what Discord's staff named
# (https://github.com/discord/discord-api-docs/issues/20) and what X-RateLimit-Limit shows bots today.
# Where Discord asks for less, its 429 says how long to wait.
LIMITS: Final = Limits(channel=(Window(5, 5.0),), provider=(Window(50, 1.0),))

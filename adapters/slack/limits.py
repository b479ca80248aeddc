"""Slack's documented limits, each with its source; lengths are characters after escaping."""

from __future__ import annotations

from typing import Final

from adapters.contract import Limits, Window

# https://docs.slack.dev/reference/block-kit/blocks/
MAX_BLOCKS: Final = 50
# https://docs.slack.dev/reference/block-kit/blocks/header-block
MAX_HEADER: Final = 150
# https://docs.slack.dev/reference/block-kit/blocks/section-block
MAX_SECTION: Final = 3000
MAX_FIELD: Final = 2000
MAX_FIELDS: Final = 10
# https://docs.slack.dev/reference/block-kit/blocks/actions-block
MAX_ACTIONS: Final = 25
# https://docs.slack.dev/reference/block-kit/block-elements/button-element
MAX_BUTTON_TEXT: Final = 75
MAX_BUTTON_VALUE: Final = 2000
MAX_BUTTON_URL: Final = 3000
# https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element
MAX_PLACEHOLDER: Final = 150
MAX_OPTIONS: Final = 100
# https://docs.slack.dev/reference/block-kit/composition-objects/option-object
MAX_OPTION_TEXT: Final = 75
MAX_OPTION_VALUE: Final = 150
# https://docs.slack.dev/reference/block-kit/blocks/image-block
MAX_IMAGE_URL: Final = 3000
MAX_ALT: Final = 2000

# https://docs.slack.dev/reference/views/modal-views
MAX_VIEW_TITLE: Final = 24
MAX_VIEW_SUBMIT: Final = 24
MAX_CALLBACK_ID: Final = 255
# https://docs.slack.dev/reference/block-kit/blocks/input-block
MAX_INPUT_LABEL: Final = 2000
MAX_INPUT_HINT: Final = 2000
# https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element
MAX_INPUT: Final = 3000

# https://docs.slack.dev/reference/methods/conversations.invite : "Up to 100 users may be listed."
MAX_INVITED: Final = 100
# https://docs.slack.dev/reference/methods/conversations.setTopic  (too_long)
MAX_TOPIC: Final = 250

# https://docs.slack.dev/reference/methods/chat.update  (msg_too_long; chat.postMessage allows more)
MAX_TEXT: Final = 4000

# Not documented, measured by others: more blocks than this in one attachment are `invalid_attachments`.
# https://github.com/slackapi/bolt-python/issues/914
MAX_ATTACHMENT_BLOCKS: Final = 20

# Not documented either: `msg_blocks_too_long` has been seen from 11,341 characters in all blocks together.
# https://github.com/slackapi/bolt-js/issues/2867
MAX_ALL_BLOCKS: Final = 9000

# https://docs.slack.dev/apis/web-api/rate-limits : chat.postMessage, 1 per second per channel.
RATES: Final = Limits(channel=(Window(1, 1.0),))

# https://docs.slack.dev/apis/web-api/pagination : "no more than 200 results at a time".
PAGE_SIZE: Final = 200

LOOK_UP_SECONDS: Final = 2.0
"""Of the 3 s in which Slack wants an answer, how many may go to asking which workspace this is."""

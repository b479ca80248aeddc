"""Fixed phrases of conversation: what people say who say nothing else."""

from __future__ import annotations

from typing import Final


def _phrases(text: str, separator: str | None = ",") -> frozenset[str]:
    return frozenset(" ".join(each.split()) for each in text.split(separator))


YES: Final = _phrases(
    """
    yes, y, yep, yeah, yup, ya, sure, ok, okay, k, correct, right, confirm, confirmed, affirmative,
    absolutely, definitely, indeed, aye, ja, si, oui, 👍, ✅, go ahead, do it, please do, yes please,
    sounds good, go for it, of course, that's right, yes do it, yes go ahead, yes sure, sure go ahead
    """
)
NO: Final = _phrases(
    """
    no, n, nope, nah, negative, don't, dont, 👎, ❌, no thanks, do not, please don't, better not, no don't
    """
)
CANCEL: Final = _phrases(
    """
    cancel, never mind, nevermind, forget it, stop, abort, drop it, nvm, leave it, cancel that, quit,
    forget about it, forget that, never mind that, scratch that, cancel it, no forget it, no never mind,
    scrap that, scrap it, ignore that, ignore me, disregard, disregard that, drop that
    """
)
"""They drop what was being done."""
UNDO: Final = _phrases(
    """
    undo, undo that, undo it, undo this, revert, revert that, revert it, take that back, take it back,
    undo please, please undo, undo last, oops undo, undo the last one, please undo that, undo that
    please
    """
)
"""They take back what was just done."""
TURNS: Final = _phrases(
    """
    no not actually sorry meant mean rather instead same also and too wait oops make what how now for ok
    """,
    None,
)
"""Words that make a bare value go on with what was done before."""
RETRACTS: Final = _phrases(
    "no nope nah sorry wait er err erm rather actually oops meant mean correction hang hold scratch", None
)
"""Words by which people take back what they have just said."""
HESITATES: Final = _phrases(
    """
    oh ah ugh uh um hm hmm i to the it it's its that that's should be is make on my bad wrong one or for
    of a an with please and
    """,
    None,
)
"""Words that stand beside those, and say nothing."""
STOP: Final = _phrases(
    """
    a an the this that these those it its i i'm im me my mine we we're our us you your he she they them
    their is are was were be been being am do does did done have has had having can could would will
    shall should may might must to of in on at by for from with about into over under up down out off as
    and or but if so then than too very just now please pls plz kindly thanks thank thx ty hi hey hello
    ok okay yes yeah yep no not dont don't there here what which who whom whose when where why how all
    any some each every other another same such only also again still already yet ever never once let's
    lets let get got go going gone make made mark marked set put take taking taken took give given tell
    show see look check know think guess seems like want wanted need needs wants one ones incident
    incidents issue issues outage problem problems ticket tickets alert thing things case inc event fire
    resolve resolved resolving fix fixed close closed closing acknowledge acknowledged ack acked
    escalate escalated escalation bump raise lower downgrade upgrade severity sev priority assign
    assigned reassign hand update updated note notes log add status state timeline history war room join
    open opened silence mute snooze quiet silenced notifications notification alerts paging pages page
    noise hour hours minute minutes min mins today tomorrow someone somebody everyone anyone team guys
    folks bot dear last first second third next latest newest newer older oldest earlier later recent
    current currently right back off stop start
    actually sorry mean meant instead rather wait oops maybe really sure good great nice well
    think whole thing ones because since until while after before though hold
    """,
    None,
)
"""Words that say nothing of what an incident is about."""

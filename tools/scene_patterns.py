"""The sentences that ask about scenes, as patterns over a question in small letters.

In a pattern ``{BE}`` stands for :data:`WORDS` ``["BE"]``, and ``<a>`` for words that a group ``a`` captures:
``a`` and ``b`` are things, ``p`` is two of them, ``place`` is a view or a thing. Other groups say by their
names what they mean: ``left``, ``near``, ``polar`` (yes or no is asked), ``either`` (a side of two).
"""

from __future__ import annotations

import re

OPENING = (
    r"(?:please|so|and|now|hey|ok|okay|look|tell me|can you tell me|could you tell me|can you say|say|"
    r"do you know|i want to know|i would like to know|i'd like to know|(?:could|can) you(?! see)|i "
    r"wonder|whether)"
)
"""How questions begin that mean no more by it."""

_PLACED = (
    r"(?:standing|lying|sitting|hanging|leaning|resting|located|situated|placed|positioned|mounted|fixed|parked|"
    r"stored|stacked|visible|hidden|found|put|kept|hung|set)"
)
"""No rule of endings: "bed", "shed" and "painting" are things."""
_FLOOR = r"(?:above|over|off|from) (?:the )?(?:floor|ground)"

WORDS: dict[str, str] = {
    "BE": r"(?:is|are|was|were|lies?|stands?|sits?|hangs?|does|do)",
    "AT": rf"(?: (?:{_PLACED}|stand|lie|sit|hang|come|appear|seem))?",
    "ON": _FLOOR,
    "NEAR": r"(?:(?P<near>nearer|closer)|(?P<far>farther away|farther|further away|further|more distant))",
    "NEAREST": r"(?:(?:the )?(?:nearest|closest)|(?P<far>(?:the )?(?:farthest|furthest|most distant)))",
    "SIDE": (
        r"(?:(?:to the |on the |at the |the )?(?:(?P<left>left)|(?P<right>right))(?:[ -]hand)?(?: side)? of|"
        r"(?P<front>(?:right |directly |just )?in front of|ahead of)|"
        r"(?P<behind>(?:right |directly |just )?behind|in back of|at the back of)|"
        r"(?P<above>above|over|on top of|higher than)|(?P<below>below|under|underneath|beneath|lower than))"
    ),
    "MINE": (
        r"(?:(?:(?:to|on|at) )?(?:my|your|the|our) (?:(?P<left>left)|(?P<right>right))(?:[ "
        r"-]hand)?(?: side)?|"
        r"(?P<front>(?:right |directly )?(?:in front of|ahead of) (?:me|you|us))|"
        r"(?P<behind>(?:right |directly )?behind (?:me|you|us)))"
    ),
    "ANY": (
        r"(?:is|are) there (?:(?:any|some)(?:thing| things?| objects?)|"
        r"(?:an?|any|some) (?P<among>[\w' -]+?))"
    ),
    "WHAT": (
        r"(?:what else|what|who|(?:which|what)(?: (?:one )?of)?(?: the)? (?P<among>[\w' -]+?)|"
        r"(?:name|list) (?:what|the (?P<among2>[\w' -]+?))(?: that| which)?)"
    ),
    "IS": (
        r"(?:'s| (?:is|are|was|were|lies?|stands?|sits?|comes?|hides?)(?: there)?"
        rf"(?: (?:{_PLACED}|to be (?:seen|found)))?|"
        r" (?:can|could|do|does|would) (?:i|you|we|one) (?:see|find|have)| (?:can|could) be (?:seen|"
        r"found)|(?= on| to))"
    ),
    "ASK": r"(?:(?:what is|what's|what was|measure|give me|give|state|estimate|compute|calculate|find) )?",
    "GAP": (
        r"(?:the |a )?(?:(?:shortest|smallest|straight-line|approximate|exact|minimum|least|actual|"
        r"free|clear|empty) )*"
        r"(?:distance|gap|space|separation|clearance|spacing)(?: there is| in (?:metres|meters|cm))?"
    ),
    "METRES": (
        r"how (?:many (?:metres|meters|m|centimetres|centimeters|cm|millimetres|mm|feet|inches|units)|"
        r"(?:much|large a|big a|wide a)(?: free| empty)? (?:space|room|distance|gap)|(?:large|big|"
        r"wide|long|great)|far)"
    ),
    "EACH": r"(?: apart| (?:away )?from (?:each other|one another)| to (?:each other|one another))?",
    "ALL": (
        r"(?:,? (?:(?:are |is |were )?there|in (?:all|total|sum)|altogether|overall|around|"
        r"(?:can|do|could|have|did) (?:you|i|we) (?:see|seen|find|found|count|counted)|"
        r"(?:can|could) be (?:seen|found|counted)|"
        r"you see|i see|(?:are |is )?(?:visible|shown|here)|exist|"
        r"(?:are |is )?(?:within|inside|in) (?:the |this |these |all |that )(?:the |of the )*"
        r"(?:whole |entire |living |dining |class|bath|bed)*"
        r"(?:room|scene|scan|views?|pictures?|images?|photos?|place|space|house|flat|apartment|building|"
        r"office|kitchen|hall|garage|shop|world|capture)))*(?: are| is| were)?"
    ),
    "DIMENSION": r"(?P<how>tall|high|wide|broad|deep|long|big|large|small)",
    "EXTENT": r"(?P<how>height|width|breadth|depth|length|size|dimensions|extent|measurements)",
    "FROM": r"(?: (?:from|in|for|at) <place>)?",
    "PICTURE": r"(?:view|picture|image|photo|frame)",
    "LASTLY": (
        r"(?:where|when|(?:in |from )?(?:what|which) (?:view|picture|image|photo|frame))(?: (?:is|"
        r"was) it(?: that)?)?"
    ),
    "LAST": r"(?:(?:most )?recently|last|(?:for )?the last time)",
    "SEEN": r"(?:see|saw|seen|spot|spotted|notice|noticed|show|shown|visible|leave|left|put|there)",
}  # fmt: skip

_PATTERNS: dict[str, tuple[str, ...]] = {
    "height": (
        r"how (?:high|far)(?: up)? {BE} <a>{AT}(?: up)? {ON}",
        r"how (?:high|far)(?: up)? {ON} {BE} <a>{AT}",
        r"how (?:high|far)(?: up)? {ON} <a> {BE}{AT}",
        r"how (?:high|far)(?: up)? <a> {BE}{AT}(?: up)? {ON}",
        r"how high up {BE} <a>{AT}",
        r"how high {BE} <a>{AT} up",
        r"how high {BE} <a> (?:hung|hanging|mounted|placed|fixed|on the wall)",
        r"at (?:what|which) (?:height|altitude)(?: {ON})? {BE} <a>{AT}(?: {ON})?",
        r"(?:what|which) (?:height|altitude) {ON} {BE} <a>{AT}",
        r"{ASK}(?:the )?(?:height|elevation|level) of <a> {ON}",
        r"{ASK}(?:the )?(?:elevation|altitude) of <a>",
    ),
    "distance": (
        r"how far(?: apart| away)?{EACH} (?:are|is|lie|stand) <p>(?: apart| away)?{EACH}",
        r"how far(?: apart| away)? <p> (?:are|is|lie|stand)(?: apart| away)?{EACH}",
        r"how close(?: together)? (?:are|do) <p>(?: stand| lie)?{EACH}(?: together)?",
        r"(?:{ASK}{GAP}|{METRES}(?: is| are| lies?| there)*(?: {GAP})?) (?:between|separates?|"
        r"separating) <p>",
        r"(?:{ASK}{GAP}|{METRES}(?: is| are| it| there)*(?: {GAP})?) from <a>(?: across| over)? to <b>",
        r"{ASK}{GAP} (?:of|from|to) <a> (?:from|to|and) <b>",
        r"<p>,? how far (?:apart|away)? ?(?:are|do|from (?:each other|one another) are) (?:they|these|"
        r"those|both|the two)"
        r"{AT}(?: apart)?{EACH}",
        r"(?:by )?{METRES} (?:is|are|do) <p>(?: stand| lie)? apart",
        r"{METRES} separates? <a> (?:from|and) <b>",
        r"what (?:distance|gap|space) (?:is there |is |lies )?(?:between|separates) <p>",
        r"how far(?: is it| is)? between <p>",
        r"(?:the )?distance (?:from )?<a> to <b>",
        r"how far(?: away| apart| off)? {BE} <a>{AT}(?: away| apart| removed| off)? (?:from|to) <b>",
        r"(?:if|when) (?:i|you|we|one) (?:go|walk|move|measure|get|went|walked) from <a> to <b>,? how far "
        r"(?:is|was|would|do|does|must|have) ?(?:that|it|i|you|we)?(?: be| go| walk| to go)?",
        r"how far(?: away)? from <b> {BE} <a>{AT}",
        r"how far(?: away)? <a> {BE}{AT}(?: away| apart| removed)? (?:from|to) <b>",
        r"how (?:close|near)(?: to)? {BE} <a>{AT}(?: to| from) <b>",
        r"how (?:close|near) <a> {BE}{AT} to <b>",
        r"{METRES}(?: away)? {BE} <a>{AT}(?: away)? (?:from|to) <b>",
        r"how far(?: away| off)?(?: from here| from me| from the camera)? {BE} <a>{AT}(?: away| off)?",
        r"{ASK}{GAP} (?:to|of) <a>",
    ),
    "size": (
        r"how (?:much|many (?:metres|meters|centimetres|cm)) does <a> measure in {EXTENT}",
        r"how many (?:metres|meters|centimetres|centimeters|cm) {DIMENSION} {BE} <a>",
        r"how {DIMENSION} (?:does|do) <a> (?:rise|get|reach|go|measure|look|seem)",
        r"how {DIMENSION}(?: would you say| do you think)? {BE} <a>",
        r"how {DIMENSION} (?:would you say|do you think) <a> {BE}",
        r"how {DIMENSION} <a> {BE}",
        r"{ASK}(?:the )?(?:total |overall |full |exact |approximate )?{EXTENT} of <a>",
        r"(?:what is|what's|what are|measure|give|estimate) <a>'s? {EXTENT}",
        r"what are the {EXTENT} of <a>",
        r"(?:what|which) {EXTENT} (?:is|are|does|do) <a>(?: have)?",
    ),
    "seen": (
        r"{LASTLY} (?:did|do|have|had) (?:i|you|we) last {SEEN} <a>",
        r"{LASTLY} (?:did|do|have|had) (?:i|you|we) {SEEN} <a> {LAST}",
        r"{LASTLY} (?:is|are|was|were) <a> {SEEN} {LAST}",
        r"{LASTLY} (?:is|are|was|were) <a> last(?: {SEEN})?",
        r"{LASTLY} (?:i|you|we) last {SEEN} <a>",
        r"{LASTLY} <a> (?:was|were) last {SEEN}",
        r"(?:what|which) {PICTURE} (?:last shows|shows last) <a>",
        r"(?:what|which)(?: {PICTURE})? (?:is|was) the last(?: one| {PICTURE})?"
        r"(?: (?:that|which) (?:shows|showed|has|had)| to show| showing| with| of) <a>",
        r"(?:where|when) (?:is|was) the last (?:time|place)(?: that| where)? (?:i|you|we) saw <a>",
        r"where (?:did|have) (?:i|we) (?:leave|left|put|lost|lose|forget|forgotten) <a>",
    ),
    "nearest": (
        r"{WHAT}{IS} {NEAREST}(?: thing| object| one| item)? (?:to|from) <b>",
        r"{WHAT}(?: is| are)? (?P<next>right next to|next to|beside|nearest) <b>",
        r"(?:what|which) (?:is )?(?:the )?{NEAREST} (?P<among>[\w' -]+?) (?:to|from) <b>",
        r"(?:what|which)(?: is| are) the (?P<among>[\w' -]+?) {NEAREST} (?:to|from) <b>",
        r"{WHAT} is <b>'s? {NEAREST} neighbou?r",
        r"{WHAT}{IS} {NEAREST}(?: neighbou?r (?:of|to))? <b>",
    ),
    "relation": (
        r"(?:which|what|who)(?: one| thing| object| of (?:the|these|those) two)?(?: is| are| stands| "
        r"lies)? {NEAR}"
        r"(?: (?:to|from) <place>)?,? <p>",
        r"which (?:one )?of <p> (?:is|stands|lies) {NEAR}(?: (?:to|from) <place>)?",
        r"<p>,? which(?: one)?(?: is| stands| lies) {NEAR}(?: (?:to|from) <place>)?",
        r"of <p>,? (?:which|what|who)(?: one)? (?:is|stands|lies|comes){AT} {NEAR}(?: (?:to|from) <place>)?",
        r"is it <p>,? (?:that|which|who) (?:is|stands|lies|comes){AT} {NEAR}(?: (?:to|from) <place>)?",
        r"to <place>,? (?:is|which(?: one)? is|what is) <p> {NEAR}",
        r"(?:is) <p> {NEAR}(?: (?:to|from) <place>)?",
        r"(?P<polar>is|are|does|lies|stands) <a>{AT} {NEAR} (?:to|from) <place> than <b>(?: is| are| does)?",
        r"(?P<polar>is|are|does|lies|stands) <a>{AT} {NEAR} than <b>(?: is)?(?: (?:to|from) <place>)?",
        r"(?:on |to |at )?(?:which|what) (?:hand )?(?P<hand>side|hand) of <b>{FROM} (?:is|are|does|"
        r"do(?: i| you| we)?) (?:see |find |have )?<a>"
        r"(?: on| at| to)?{AT}(?: on| at)?",
        r"where (?:is|are|does|do|lies|stands) <a>{AT},? (?:relative to|in relation to|with respect to|"
        r"with regard to|compared (?:to|with)|in reference to) <b>{FROM}",
        r"(?:is|are|does|do) <a>{AT} (?P<either>(?:to |on )?(?:the )?(?:left|right)(?: side)?(?: of "
        r"<b2>)? or "
        r"(?:to |on )?(?:the )?(?:left|right)(?: side)?) of <b>{FROM}",
        r"(?:is|are|does|do) <a>{AT} (?P<either>in front(?: of)? or behind|behind or in front of) <b>{FROM}",
        r"(?P<polar>is|are|was|were|does|do) <a>{AT} {SIDE} <b>{FROM}",
        r"<a> (?P<polar>is|are)?{AT} ?{SIDE} <b>{FROM}",
        r"(?:is|are|does|do) <a>{AT} (?P<either>(?:(?:to|on) )?(?:my |your |the )?(?:left|right)(?: "
        r"side)? or "
        r"(?:(?:to|on) )?(?:my |your |the )?(?:left|right)(?: side)?)",
        r"(?:is|are|does|do) <a>{AT} (?P<either>in front of(?: me| you)? or behind(?: me| you)?|"
        r"behind(?: me| you)? or in front of(?: me| you)?)",
        r"(?P<polar>is|are|was|were|does|do) <a>{AT} {MINE}",
        r"(?P<polar>do|would|will|can) (?:i|you|we) (?:have|see|find|get) <a>{AT} {MINE}",
        r"(?:on )?(?:which|what) (?:hand )?(?P<hand>side) (?:of (?:me|you|mine) )?(?:is|are|does|do|"
        r"would|will) <a>(?: on| be| lie| stand)?{AT}",
    ),
    "behind": (
        r"{WHAT}{IS} {SIDE} <b>{FROM}",
        r"{WHAT}{IS} {MINE}",
        r"{ANY} {SIDE} <b>{FROM}",
        r"{ANY} {MINE}",
        r"what does <b> (?P<behind>hide|cover|conceal|occlude){FROM}",
        r"what is (?P<behind>hidden|covered|concealed|occluded) by <b>{FROM}",
    ),
    "count": (
        r"how many <a>{ALL}",
        r"(?:count|what is the (?:total )?number of|what's the (?:total )?number of|what number of|"
        r"(?:give|state|find|tell me) the number of|"
        r"(?:the )?number of)(?: all)?(?: the| of the)? <a>{ALL}",
        r"how many <a> (?:does|do|has|have) (?:the|this) (?:room|scene|scan|place|house) (?:have|"
        r"contain|hold)",
        r"(?P<polar>(?:is|are) there) <a>{ALL}",
        r"(?P<polar>(?:can|do) (?:you|i) see|does (?:the|this) (?:room|scene) (?:have|contain)) <a>{ALL}",
    ),
    "where": (
        r"(?:where|in (?:which|what) (?:place|spot|part)|whereabouts)(?: in the room| in the scene)? "
        r"{BE} <a>{AT}"
        r"{ALL}",
        r"where's <a>{ALL}",
        r"where <a> {BE}{AT}",
        r"(?:locate|find|point (?:to|at)|show me|where (?:can|do|could) (?:i|you|we) (?:find|see)) <a>{ALL}",
        r"{ASK}(?:the )?(?:exact )?(?:position|location|place|coordinates|whereabouts) of <a>",
        r"what are the coordinates of <a>",
        r"(?:in )?(?:which|what) (?:views?|pictures?|images?|photos?) (?:shows?|(?:can|do) (?:i|you|"
        r"we) see|is|are) "
        r"<a>",
    ),
}  # fmt: skip


def _compiled(pattern: str) -> re.Pattern[str]:
    pattern = re.sub(r"\{([A-Z]+)\}", lambda word: WORDS[word[1]], pattern)
    return re.compile(re.sub(r"(?<!\?P)<(\w+)>", r"(?P<\1>[^,]+?)", pattern))


PATTERNS: dict[str, tuple[re.Pattern[str], ...]] = {
    kind: tuple(map(_compiled, patterns)) for kind, patterns in _PATTERNS.items()
}
"""By kind, in the order in which they are tried; each has to fit the whole text."""

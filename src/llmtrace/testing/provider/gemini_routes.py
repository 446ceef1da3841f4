"""Google's endpoints, of the Gemini API and of Vertex AI.

Models that think do so unless told otherwise: they have routes of their own, before the others.
"""

from __future__ import annotations

from llmtrace.testing.provider import gemini, gemini_lookups
from llmtrace.testing.provider.gemini_interactions import INTERACTIONS
from llmtrace.testing.provider.route import Route

_GENERATE = r":(?:generateContent|streamGenerateContent)"
_THINKS = r"models/gemini-(?:2\.5|[3-9]|flash|pro)[^/:]*"
_EITHER = rf"(?:{gemini.GEMINI}|{gemini.VERTEX})"


ROUTES = (
    *(
        Route(path=path + _GENERATE, vendor=gemini.VENDOR, dialect=dialect)
        for path, dialect in (
            (rf"{gemini.ROOT}/{_THINKS}", gemini.THINKING),
            (
                rf"(?:{gemini.PROJECT}|{gemini.ROOT})/publishers/[^/]+/{_THINKS}",
                gemini.VERTEX_THINKING,
            ),
            (rf"{gemini.ROOT}/publishers/[^/]+/models/[^/:]+", gemini.VERTEX_GENERATE),
            (gemini.GEMINI, gemini.GENERATE),
            (gemini.VERTEX, gemini.VERTEX_GENERATE),
        )
    ),
    Route(
        path=rf"(?:{gemini.ROOT}|{gemini.PROJECT})/interactions",
        vendor=gemini.VENDOR,
        dialect=INTERACTIONS,
    ),
    *(
        Route(path=path, vendor=gemini.VENDOR, answer=answer)
        for path, answer in (
            (_EITHER + ":countTokens", gemini_lookups.count),
            (_EITHER + ":embedContent", gemini_lookups.embed),
            (_EITHER + ":batchEmbedContents", gemini_lookups.embed_batch),
            (_EITHER + ":predict", gemini_lookups.predict),
            (_EITHER + ":predictLongRunning", gemini_lookups.start_video),
            (
                rf"(?:{gemini.ROOT}|{gemini.PROJECT})/cachedContents",
                gemini_lookups.store_content,
            ),
        )
    ),
)

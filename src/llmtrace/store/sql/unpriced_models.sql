-- Which models have no price?
--
-- Columns: provider, model, calls, input_tokens, output_tokens, first_seen, last_seen (UTC);
-- most calls first
select *
from unpriced
order by calls desc, provider, model

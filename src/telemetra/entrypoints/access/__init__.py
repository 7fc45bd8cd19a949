"""Who may ask: hosts, tokens, tickets and rates, judged before anything answers."""

"""How HTTP is spoken here: requests read within bounds, cookies, headers, CORS, errors."""

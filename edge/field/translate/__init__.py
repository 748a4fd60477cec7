"""(pure) The only place where wire words meet hall words."""

"""`callbridge run`: a carrier, a bridge that begins anew when its bot is saved, and a page to see
the calls on."""

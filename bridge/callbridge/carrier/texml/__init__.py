"""TeXML: documents that a customer answers a call with, fetched, read and carried out."""

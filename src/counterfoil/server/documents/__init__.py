"""Records as they are told to those who administer: by the command line, the API and the pages."""

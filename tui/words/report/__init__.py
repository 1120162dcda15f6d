"""Reports that the command line and the screen both show, in lines."""

"""Cases (工单): one list for everything that somebody has to look into and answer."""

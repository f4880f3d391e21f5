@rem `npm start` uses the exec of the POSIX shell, so that Ctrl-C reaches the server alone; cmd finds this in its place.
@%*

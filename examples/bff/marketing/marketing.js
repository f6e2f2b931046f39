// The marker says only that somebody is signed in at the app. Whether that is still so, the app
// finds out itself; where it is not, it removes the marker and offers to sign in.
"use strict";

if (document.cookie.split("; ").includes("signed_in=1")) {
  location.replace(location.href.replace("://", "://app."));
}

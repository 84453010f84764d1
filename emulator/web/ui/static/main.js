// Every page: keeps it fresh, its times and its keys. No other host, no inline script.
import { begin as beginLive } from "./live.js";
import { begin as beginTimes } from "./times.js";
import { begin as beginControls } from "./controls.js";
import { begin as beginNow } from "./now.js";
import { begin as beginDeploy } from "./deploy.js";
import { begin as beginTryIt } from "./try-it.js";

beginTimes();
beginControls();
beginLive();
beginNow();
beginDeploy();
beginTryIt();

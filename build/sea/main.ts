// The entry of the single executable: the addons first, then the same main as in a checkout.
import "./environment.ts";
import "./addons.ts";
import "../../src/main.ts";

// Brings the pictures into the bundle; the build leaves this entry itself out.
import icons from "sprite:icons.svg";
import logos from "sprite:logos.svg";
import mark from "./mark.svg";

export { icons, logos, mark };

// How a cancelled upload ends.

/** Thrown by `done` of an upload that was cancelled. */
export class UploadCancelled extends Error {}

import { Logger } from '@aws-lambda-powertools/logger'

/** One JSON object a line; its service is the function's, from POWERTOOLS_SERVICE_NAME. */
export const logger = new Logger()

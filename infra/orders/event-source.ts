/** The CloudEvents source of the orders' events, as in the functions that append them. */
export const EVENT_SOURCE = "orders";

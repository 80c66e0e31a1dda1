import { createApp } from 'vue'

// Nothing about logging in belongs here: the first request of any page does it.
export default createApp({})

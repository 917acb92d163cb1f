/*
 * A harmless module that behaves like one that hides: for tests of detectors, in guests that end with the test.
 *
 *   insmod decoy.ko hide_pid=731        takes a process off the list of tasks
 *   insmod decoy.ko redirect=0xffff...  puts a function of its own where a function's address is kept, which
 *                                       counts the call and passes it on
 *   insmod decoy.ko unlist=1            takes itself off the list of modules
 *
 * All but the last is undone when it is removed.
 */
#include <linux/init.h>
#include <linux/module.h>
#define INCLUDE_VERMAGIC
#include <linux/vermagic.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/rcupdate.h>

typedef long (*function_t)(long, long, long, long, long, long);

static int hide_pid;
module_param(hide_pid, int, 0444);
static unsigned long redirect;
module_param(redirect, ulong, 0444);
static bool unlist;
module_param(unlist, bool, 0444);
static unsigned long calls;
module_param(calls, ulong, 0444);

static struct task_struct *hidden;
static function_t original;

static noinline long pass_on(long a, long b, long c, long d, long e, long f)
{
	calls++;
	return original(a, b, c, d, e, f);
}

/* Tables of functions are read-only: the processor is told to look away (CR0.WP). */
static void put(function_t function)
{
	unsigned long cr0;

	preempt_disable();
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	asm volatile("mov %0, %%cr0" : : "r"(cr0 & ~(1UL << 16)) : "memory");
	WRITE_ONCE(*(function_t *)redirect, function);
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	preempt_enable();
}

static int __init decoy_init(void)
{
	if (hide_pid) {
		rcu_read_lock();
		hidden = pid_task(find_vpid(hide_pid), PIDTYPE_PID);
		if (hidden) {
			get_task_struct(hidden);
			list_del_rcu(&hidden->tasks);
		}
		rcu_read_unlock();
	}
	if (redirect) {
		original = *(function_t *)redirect;
		put(pass_on);
	}
	if (unlist)
		list_del_init(&THIS_MODULE->list);
	return 0;
}

static void __exit decoy_exit(void)
{
	if (redirect)
		put(original);
	if (hidden) {
		list_add_tail_rcu(&hidden->tasks, &init_task.tasks);
		put_task_struct(hidden);
	}
}

module_init(decoy_init);
module_exit(decoy_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(vermagic, VERMAGIC_STRING);
MODULE_INFO(name, KBUILD_MODNAME);

/* What modpost writes into modules that the kernel's own build makes. */
__visible struct module __this_module __section(".gnu.linkonce.this_module") = {
	.name = KBUILD_MODNAME,
	.init = init_module,
	.exit = cleanup_module,
	.arch = MODULE_ARCH_INIT,
};
